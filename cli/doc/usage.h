#ifndef CLI_DOC_USAGE_H
#define CLI_DOC_USAGE_H

#include "base/buf.h"

struct command;
struct option;
struct topic;

/* Help as text, from the tables of commands, options, topics and of the manifest's keys. */

void usage_summary(struct buf *out, const struct command *commands);
void usage_command(struct buf *out, const struct command *command);
void usage_topic(struct buf *out, const struct topic *topic);
void usage_options(struct buf *out);  /* all of them */
void usage_manifest(struct buf *out); /* every key */

/* "-j, --jobs=N" */
void usage_option_name(struct buf *out, const struct option *option);

#endif
