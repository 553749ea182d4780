#ifndef CLI_REPORT_GITHUB_H
#define CLI_REPORT_GITHUB_H

struct buf;
struct event;
struct report_state;

/* A node that ended, for the log of a GitHub Actions job: a group that opens to what it printed, and an annotation when it
 * failed. What builds print cannot give commands to the runner. */
void github_done(const struct report_state *state, const struct event *event, struct buf *out);

#endif
