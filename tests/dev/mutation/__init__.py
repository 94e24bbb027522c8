# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""./dev mutants: whether a test fails when a file that decides decides otherwise.

Why no ready tool: mutmut replaces each function by a switch and runs it from a tree of its own making, under the name
that the file's path gives it; here files are imported as ansible_collections.trustanchor.private_ca..., some are read
as text and packed, and their bytes are compared. cosmic-ray works on files, as this does, but knows no mutant that
leaves a statement out: a `raise` that is gone is the one that matters here. It draws no sample, either.
"""

ENDLESS = "(it did not end)"  # in the place of the test that killed a mutant
