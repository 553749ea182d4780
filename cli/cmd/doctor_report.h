#ifndef CLI_CMD_DOCTOR_REPORT_H
#define CLI_CMD_DOCTOR_REPORT_H

struct buf;
struct options;

/* What a bug report needs besides the tools: versions, machine, settings, the last run of this project, the end of
 * the trace. Without secrets (base/redact.h). Problems in collecting it are reported in the text, and are not
 * errors. */

/* Printed before `tools`, the doctor's text. */
void doctor_report(const struct options *options, const char *tools, struct buf *out);

#endif
