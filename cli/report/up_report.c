#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/output.h"
#include "cli/report/up_report.h"
#include "dsl/manifest.h"
#include "engine/up/up_run.h"

struct standing {
	const struct stack_part *parts;
	size_t len;
	size_t width; /* of the longest name */
	bool quiet, shows, keys, color;
	struct buf addresses; /* lines */
};

struct standing *standing_new(const struct stack_part *parts, size_t len, bool quiet, bool addresses, bool keys)
{
	struct standing *standing = mem_alloc(sizeof(*standing));

	*standing = (struct standing){ .parts = parts, .len = len, .quiet = quiet, .shows = addresses, .keys = keys };
	standing->color = output_color() && isatty(STDOUT_FILENO);
	for (size_t i = 0; i < len; i++) {
		size_t width = strlen(parts[i].service->name.s);

		standing->width = width > standing->width ? width : standing->width;
	}
	return standing;
}

void standing_free(struct standing *standing)
{
	if (!standing)
		return;
	buf_free(&standing->addresses);
	free(standing);
}

/* Services have different colours as long as there are enough. */
static int color_of(const struct standing *standing, const char *service)
{
	static const int colors[] = { 36, 33, 32, 35, 34, 96, 93, 92, 95, 94 };
	size_t i = 0;

	while (i < standing->len && strcmp(standing->parts[i].service->name.s, service) != 0)
		i++;
	return colors[i % (sizeof(colors) / sizeof(colors[0]))];
}

static void up_report_add_name(const struct standing *standing, const char *service, const char *behind, struct buf *out)
{
	if (standing->color)
		buf_printf(out, "\033[%dm", color_of(standing, service));
	buf_printf(out, "%-*s%s", (int)standing->width, service, behind);
	if (standing->color)
		buf_str(out, "\033[0m");
}

/* What a URL for the port begins with, if it probably speaks HTTP: not if it is checked by other means, nor for a
 * database's port. */
static const char *scheme_of_port(const struct standing *standing, const char *name, const struct container_port *port)
{
	for (size_t i = 0; i < standing->len; i++) {
		const struct service *service = standing->parts[i].service;

		if (strcmp(service->name.s, name) != 0 || port->udp)
			continue;
		if (service->verify.has_http)
			return service->verify.http.https ? "https://" : "http://";
		return service->has_build && !verify_asks(&service->verify) ? "http://" : "";
	}
	return "";
}

static void add_address(struct standing *standing, const struct up_event *event)
{
	const struct container_port *port = &event->port;
	bool six = strchr(port->host, ':') != NULL;
	const char *scheme = scheme_of_port(standing, event->service, port);

	buf_str(&standing->addresses, "  ");
	up_report_add_name(standing, event->service, "  ", &standing->addresses);
	buf_printf(&standing->addresses, "%s%s%s%s:%u  ->  %u%s\n", scheme, six ? "[" : "", port->host, six ? "]" : "",
		   port->outer, port->inner, port->udp ? "/udp" : "");
}

static int show_addresses(struct standing *standing, struct error **err)
{
	int r;

	if (!standing->shows)
		return 0;
	if (standing->addresses.len == 0)
		buf_str(&standing->addresses, "  no service has published ports\n");
	buf_str(&standing->addresses, "\n");
	r = output_data(standing->addresses.data, standing->addresses.len, err);
	buf_reset(&standing->addresses);
	if (r == 0 && standing->keys)
		output_note("keys: d leaves them running, w watches for changes, o shows the addresses, q ends");
	return r;
}

static int show_line(const struct standing *standing, const struct up_event *event, struct error **err)
{
	cleanup_buf struct buf line = { 0 };

	up_report_add_name(standing, event->service, " | ", &line);
	text_safe(&line, event->text, event->len);
	buf_char(&line, '\n');
	return output_data(line.data, line.len, err);
}

static void show_end(const struct up_event *event)
{
	if (event->status < 0)
		output_note("%s was removed", event->service);
	else
		output_note("%s ended with status %d", event->service, event->status);
}

static void show_synced(const struct standing *standing, const struct up_event *event)
{
	cleanup_buf struct buf what = { 0 };

	if (standing->quiet)
		return;
	if (event->text)
		text_safe(&what, event->text, strlen(event->text));
	else
		buf_printf(&what, "%zu files", event->files);
	output_note("%s changed, %s %s", what.data, event->restarts ? "restarting" : "copied into", event->service);
}

static void show_progress(const struct standing *standing, const struct up_event *event)
{
	if (standing->quiet)
		return;
	if (event->kind == UP_STARTED)
		output_note("%s is started", event->service);
	else if (event->kind == UP_KEPT)
		output_note("%s runs already", event->service);
	else
		output_note("%s is healthy after %llu.%llu s", event->service, event->took_ms / 1000,
			    event->took_ms % 1000 / 100);
}

int standing_event(void *data, const struct up_event *event, struct error **err)
{
	struct standing *standing = data;

	switch (event->kind) {
	case UP_STARTED:
	case UP_KEPT:
	case UP_HEALTHY:
		show_progress(standing, event);
		return 0;
	case UP_PORT:
		add_address(standing, event);
		return 0;
	case UP_READY:
		return show_addresses(standing, err);
	case UP_SYNCED:
		show_synced(standing, event);
		return 0;
	case UP_LINE:
		return show_line(standing, event, err);
	case UP_ENDING:
		output_note("ending; Ctrl-C again: at once");
		return 0;
	case UP_ENDED:
		show_end(event);
		return 0;
	}
	return 0;
}
