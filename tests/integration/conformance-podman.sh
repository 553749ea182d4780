#!/bin/sh
# The conformance suite with podman as the builder: the same cases, the same file.
src=${CBUILD_SRCDIR:-.}
CBUILD_BUILDER=podman exec "$src/tests/lib/own-network" bats --tap "$src/tests/integration/conformance.bats"
