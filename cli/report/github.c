#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/xxh3.h"
#include "cli/output.h"
#include "cli/report/github.h"
#include "cli/report/report_state.h"
#include "engine/exec/event.h"

#define LOG_MAX (64u << 20)  /* bytes that are read */
#define SHOWN_MAX (1u << 20) /* bytes from its end that are shown */

/* A random token that ends ::stop-commands::, so that the log cannot guess it. */
static char *make_token(void)
{
	cleanup_fd int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	unsigned char random[16];
	char hex[HASH_HEX + 1];

	if (fd < 0 || read(fd, random, sizeof(random)) != (ssize_t)sizeof(random))
		return NULL;
	hash_hex(hash_bytes(random, sizeof(random)), hex);
	return mem_strdup(hex);
}

static void github_add_log(const char *path, struct buf *out)
{
	cleanup_free char *token = make_token();
	cleanup_buf struct buf log = { 0 };
	size_t from = 0;

	if (!token || fs_read(path, LOG_MAX, &log, NULL) < 0 || log.len == 0)
		return;
	if (log.len > SHOWN_MAX) {
		from = log.len - SHOWN_MAX;
		buf_printf(out, "(the last %u kB of %s)\n", SHOWN_MAX / 1000, path);
	}
	buf_printf(out, "::stop-commands::%s\n", token);
	text_safe_lines(out, log.data + from, log.len - from);
	buf_printf(out, "%s::%s::\n", log.data[log.len - 1] == '\n' ? "" : "\n", token);
}

void github_done(const struct report_state *state, const struct event *event, struct buf *out)
{
	cleanup_buf struct buf name = { 0 };

	report_node_name(state, event->node, &name);
	if (event->log)
		buf_str(out, "::group::");
	report_done_line(state, event, out);
	if (event->log) {
		github_add_log(event->log, out);
		buf_str(out, "::endgroup::\n");
	}
	if (event->outcome == OUTCOME_FAILED && event->error) {
		buf_str(out, "::error title=");
		output_workflow_value(out, name.data);
		buf_str(out, " failed::");
		output_workflow_value(out, event->error->message);
		buf_char(out, '\n');
	}
}
