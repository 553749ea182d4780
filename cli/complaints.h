#ifndef CLI_COMPLAINTS_H
#define CLI_COMPLAINTS_H

struct diag_view;
struct diags;
struct json;
struct options;

/* Prints complaints and warnings to stderr: as text; with --progress=json as events; in a job of GitHub Actions as annotations, too. */
void complaints_show(struct diags *diags, const struct options *options);
/* One of them as other programs get it (docs/events.md). The caller owns it. */
struct json *complaint_json(const struct diag_view *diag);

#endif
