#!/bin/sh
# The checks of containers with docker, where cbuild does not find docker's command: the socket is enough.
src=${CBUILD_SRCDIR:-.}
dir=$(mktemp -d)
printf '#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin exec "%s" "$@"\n' "${CBUILD:-$src/cbuild}" >"$dir/cbuild"
chmod +x "$dir/cbuild"
CBUILD=$dir/cbuild CBUILD_RUNTIME=docker "$src/tests/lib/own-network" bats --tap "$src/tests/integration/verify.bats"
status=$?
rm -r "$dir"
exit $status
