#ifndef CLI_CMD_DOCTOR_REPORT_H
#define CLI_CMD_DOCTOR_REPORT_H

struct buf;
struct options;

/* What a bug report needs besides the tools: versions, machine, settings, the last run of the project that is here, the end of the
 * trace. Without secrets (base/redact.h). What cannot be found out is said, and no error. */

/* Before `tools`, the doctor's text. */
void doctor_report(const struct options *options, const char *tools, struct buf *out);

#endif
