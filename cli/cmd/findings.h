#ifndef CLI_CMD_FINDINGS_H
#define CLI_CMD_FINDINGS_H

#include <stdbool.h>

struct diags;
struct error;

/* Writes what was found to standard output: as {"version": 1, "findings": [...]} (docs/events.md), or as SARIF 2.1.0, which
 * code scanning services read. Paths are relative to the manifest's folder. */
int findings_write(struct diags *diags, bool sarif, struct error **err);

#endif
