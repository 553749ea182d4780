#include "config.h"

#include "base/cbuild_version.h"
#include "build-version.h"

const char cbuild_version[] = CBUILD_VERSION;
