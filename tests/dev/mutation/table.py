# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that decide, each with the unit tests that are about it (in tests/unit), the nearest first."""

from __future__ import annotations

UTILS = "plugins/module_utils"
TESTS: dict[str, tuple[str, ...]] = {
    # what a host trusts
    "trust/agent/acceptance.py": (
        "trust/test_trust_acceptance.py",
        "trust/test_signer_limits.py",
        "trust/test_expired_roots.py",
        "trust/test_endorsement.py",
    ),
    "trust/host/push.py": ("trust/test_trust_push.py", "trust/test_signer_limits.py", "trust/test_expired_roots.py"),
    "trust/host/convergence.py": ("trust/test_convergence.py", "trust/test_convergence_faults.py"),
    "trust/host/state.py": (
        "trust/test_host_state.py",
        "trust/test_rollout_gate.py",
        "trust/test_convergence.py",
        "trust/test_trust_push.py",
    ),
    "trust/manifest/transitions.py": (
        "trust/test_transition_bounds.py",
        "trust/test_transitions.py",
        "trust/test_manifest.py",
        "trust/test_expired_roots.py",
    ),
    "trust/manifest/signed.py": (
        "trust/test_signed_manifest.py",
        "trust/test_trust_acceptance.py",
        "trust/test_signer_limits.py",
        "trust/test_endorsement.py",
    ),
    "trust/manifest/signing.py": (
        "trust/test_signed_manifest.py",
        "trust/test_signer_limits.py",
        "trust/test_endorsement.py",
    ),
    "trust/manifest/endorsement.py": ("trust/test_endorsement.py", "trust/test_signed_manifest.py"),
    "trust/manifest/signers.py": (
        "trust/test_manifest_signers.py",
        "trust/test_signer_limits.py",
        "trust/test_signed_manifest.py",
    ),
    "trust/manifest/anchors.py": (
        "trust/test_anchors.py",
        "trust/test_signer_limits.py",
        "trust/test_signed_manifest.py",
        "trust/test_endorsement.py",
        "publication/test_publication_collection.py",
        "ceremony/test_introduction.py",
    ),
    "trust/manifest/rollout_evidence.py": (
        "trust/test_rollout_evidence.py",
        "trust/test_transition_bounds.py",
        "trust/test_transitions.py",
    ),
    "trust/manifest/estate_evidence.py": ("trust/test_estate_evidence.py",),
    "trust/manifest/manifest_store.py": ("trust/test_manifest_store.py", "trust/test_manifest_convergence.py"),
    "trust/stores/user_databases.py": (
        "trust/test_user_database_rules.py",
        "trust/test_user_databases.py",
        "trust/test_database_paths.py",
    ),
    "trust/stores/certutil.py": ("trust/test_trust_nss.py", "trust/test_user_databases.py"),
    "trust/rollout/plan.py": (
        "trust/test_rollout_gate.py",
        "trust/test_rollout.py",
        "trust/test_rollout_report.py",
        "trust/test_rollout_action.py",
    ),
    "trust/rollout/waivers.py": ("trust/test_rollout_gate.py", "trust/test_waivers.py", "trust/test_rollout.py"),
    # ceremonies
    "ceremony/plan/rules.py": ("ceremony/test_plan_rules.py",),
    "ceremony/acts/crl_history.py": ("ceremony/test_known_crls.py", "ceremony/test_crl_history.py"),
    "ceremony/introduction.py": ("ceremony/test_introduction.py", "publication/test_publication_vouched.py"),
    "ceremony/transcript.py": ("ceremony/test_transcript.py",),
    "ceremony/seal.py": ("ceremony/test_sealing.py",),
    "ceremony/verify/people_checks.py": (
        "ceremony/test_people_checks.py",
        "ceremony/test_verification_details.py",
    ),
    "ceremony/verify/key_checks.py": (
        "ceremony/test_key_checks.py",
        "ceremony/test_verification_details.py",
    ),
    "token/attestation.py": ("token/test_attestation_rules.py", "token/test_attestation.py"),
    # the CA
    "stepca/settings.py": (
        "stepca/test_stepca_settings_source.py",
        "stepca/test_stepca_settings.py",
        "stepca/test_stepca_config.py",
        "stepca/test_stepca_validation.py",
    ),
    "stepca/daemon.py": ("stepca/test_stepca_loaded.py", "stepca/test_stepca_daemon.py"),
    "stepca/inputs.py": (
        "stepca/test_stepca_inputs.py",
        "stepca/test_stepca_inputs_clients.py",
        "stepca/test_stepca_limits.py",
    ),
    "stepca/verification.py": (
        "stepca/test_stepca_proof.py",
        "stepca/test_stepca_verification.py",
    ),
    "stepca/tokens.py": ("stepca/test_stepca_tokens.py",),
    "stepca/versions.py": ("stepca/test_stepca_versions.py",),
    "stepca/notices.py": (
        "stepca/test_stepca_verification.py",
        "stepca/test_stepca_inputs.py",
        "stepca/test_stepca_inputs_clients.py",
    ),
    # certificates
    "x509/chains.py": ("x509/test_chain_rules.py", "x509/test_chains.py", "stepca/test_stepca_inputs_clients.py"),
    "x509/name_constraints.py": ("x509/test_name_constraint_trees.py", "x509/test_name_constraints.py"),
    "x509/key_quality.py": ("x509/test_key_quality_bounds.py",),
    "x509/constraint_set.py": ("x509/test_constraint_set.py", "host/test_host_closed_constraints.py"),
    # a service's certificate
    "service_certificate/lifecycle.py": (
        "service_certificate/test_service_pairs.py",
        "service_certificate/test_service_lifecycle.py",
    ),
    "service_certificate/chain_file.py": ("service_certificate/test_service_chain_file.py",),
    "service_certificate/store.py": (
        "service_certificate/test_service_pairs.py",
        "service_certificate/test_service_store.py",
    ),
    # the host
    "host/files.py": (
        "host/test_file_details.py",
        "host/test_host_files.py",
    ),
    "host/locks.py": ("host/test_lock_deadlines.py", "host/test_host_locks.py"),
    "host/accounts.py": (
        "host/test_host_writers.py",
        "host/test_host_accounts.py",
    ),
    "host/preflight.py": (
        "host/test_preflight_ports.py",
        "host/test_host_preflight.py",
        "publication/test_publication_port.py",
    ),
    "host/constraints.py": ("host/test_constraints.py", "host/test_host_closed_constraints.py"),
    "host/homes.py": ("host/test_host_homes.py", "trust/test_user_databases.py", "project/test_fixed_places.py"),
    "host/children.py": ("host/test_host_children.py", "trust/test_user_databases.py"),
    "host/limited.py": ("host/test_host_limited.py", "trust/test_trust_nss.py", "trust/test_user_databases.py"),
    "host/generations.py": ("host/test_generations.py",),
    # publication
    "publication/site.py": (
        "publication/test_publication_declared.py",
        "publication/test_publication_site.py",
        "publication/test_publication_order.py",
    ),
    "publication/nginx.py": (
        "publication/test_publication_nginx.py",
        "publication/test_publication_port.py",
        "publication/test_publication_site.py",
        "publication/test_publication_proof.py",
    ),
    "publication/proof.py": ("publication/test_publication_proof.py",),
    "publication/record_state.py": ("publication/test_publication_order.py", "project/test_fixed_places.py"),
    "publication/collection.py": (
        "publication/test_publication_bounds.py",
        "publication/test_publication_collection.py",
        "publication/test_publication_vouched.py",
    ),
    "publication/artifacts.py": (
        "publication/test_publication_artifacts.py",
        "publication/test_publication_order.py",
        "publication/test_publication_site.py",
        "publication/test_publication_collection.py",
    ),
    "publication/watch.py": (
        "publication/test_watch_details.py",
        "publication/test_publication_watch.py",
    ),
    "publication/url.py": (
        "publication/test_publication_urls.py",
        "publication/test_publication_site.py",
        "publication/test_publication_proof.py",
    ),
    # what goes into generated files
    "text/configuration.py": ("text/test_configuration.py",),
    # what every document of ours and every time in it is read by
    "schema.py": ("foundation/test_schema.py", "project/test_versions.py"),
    "text/times.py": ("text/test_text_times.py",),
    "text/hostnames.py": ("text/test_text_hostnames.py",),
    "text/durations.py": ("text/test_text_durations.py",),
    "text/notice.py": ("publication/test_publication_watch.py", "trust/test_signer_limits.py"),
}


def subjects() -> dict[str, tuple[str, ...]]:
    """The files in the checkout, each with its test files."""
    return {f"{UTILS}/{name}": tuple(f"tests/unit/{test}" for test in tests) for name, tests in TESTS.items()}
