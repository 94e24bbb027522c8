#!/usr/bin/env bash
# antsibull-docs 2.28.0 and ansible-core 2.19.14: a default in meta/argument_specs.yml that is a template.
#
# `default: "{{ all_goods | default([]) }}"` for a list is what many roles have in defaults/main.yml, and a specification
# is meant to repeat it. ansible-core validates the role's arguments by such a specification without a word: the value
# comes from defaults/main.yml. antsibull-docs takes the template for a value of the option's type, and then
#   - for a list of dictionaries says that the whole role's documentation is malformed, and ends with 0 all the same;
#   - for a list of strings shows a default that nobody declared: a list with the template as its only item.
# A template in an option of type str is fine for both.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ansible-core==2.19.14 antsibull-docs==2.28.0
home=$work/tree/ansible_collections/example/things
mkdir -p "$home"/{meta,roles/shop/{meta,defaults,tasks}}
cat > "$home/galaxy.yml" <<'YAML'
namespace: example
name: things
version: 1.0.0
readme: README.md
authors: [Nobody]
description: Things
YAML
echo "# Things" > "$home/README.md"
echo "requires_ansible: '>=2.19.0'" > "$home/meta/runtime.yml"
cat > "$home/roles/shop/meta/argument_specs.yml" <<'YAML'
argument_specs:
  main:
    short_description: A shop
    description: [A shop.]
    options:
      shop_goods:
        description: What it sells.
        type: list
        elements: dict
        default: "{{ all_goods | default([]) }}"
YAML
echo 'shop_goods: "{{ all_goods | default([]) }}"' > "$home/roles/shop/defaults/main.yml"
cat > "$home/roles/shop/tasks/main.yml" <<'YAML'
- name: Say what there is
  ansible.builtin.debug:
    msg: "goods: {{ shop_goods | map(attribute='name') | join(' and ') }}"
YAML
cat > "$work/play.yml" <<'YAML'
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {all_goods: [{name: apples}, {name: pears}]}
  roles: [example.things.shop]
YAML
export PATH=$work/venv/bin:$PATH ANSIBLE_COLLECTIONS_PATH=$work/tree ANSIBLE_LOCALHOST_WARNING=False HOME=$work
ansible-playbook -i localhost, "$work/play.yml" > "$work/played"
grep "goods: apples and pears" "$work/played"
mkdir -m 0755 "$work/docs"
set +e
(cd "$work" && antsibull-docs collection --use-current --squash-hierarchy --dest-dir "$work/docs" example.things) \
    > "$work/said" 2>&1
code=$?
set -e
page=$work/docs/shop_role.rst
echo "antsibull-docs ended with $code"
grep -E "was malformed|unable to evaluate" "$page" | cut -c1-160
[ "$code" -eq 0 ]
grep -q "was malformed" "$page"
sed -i 's/elements: dict/elements: str/' "$home/roles/shop/meta/argument_specs.yml"
(cd "$work" && antsibull-docs collection --use-current --squash-hierarchy --dest-dir "$work/docs" example.things)
grep -F "ansible-option-default:" "$page"
grep -qF '["{{ all\_goods' "$page"
echo "as described"
