#ifndef CLI_REPORT_GITHUB_H
#define CLI_REPORT_GITHUB_H

struct buf;
struct event;
struct report_state;

/* A finished node in the log of a GitHub Actions job: a group with its output, and an annotation when it failed.
 * The output of builds cannot give commands to the runner. */
void github_done(const struct report_state *state, const struct event *event, struct buf *out);

#endif
