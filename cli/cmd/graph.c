#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report/graph_text.h"
#include "cli/report/reporter.h"
#include "cli/session.h"

static int print_graph(struct session *session, struct error **err)
{
	static const struct {
		const char *format;
		void (*add)(struct plan *plan, struct buf *out);
	} formats[] = {
		{ "text", graph_text },
		{ "dot", graph_dot },
		{ "svg", graph_svg },
		{ "mermaid", graph_mermaid },
	};
	cleanup_buf struct buf out = { 0 };

	if (strcmp(session->options->format, "json") == 0)
		return report_plan_json(session->plan, err);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(session->options->format, formats[i].format) == 0)
			formats[i].add(session->plan, &out);
	}
	return output_data(out.data, out.len, err);
}

int cmd_graph(const struct options *options, struct error **err)
{
	const struct session_plan want = { .load = !options->no_load, .verify = !options->no_verify };
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = session_plan(&session, &want, err);
	if (r == 0)
		r = print_graph(&session, err);
	session_close(&session);
	return r;
}
