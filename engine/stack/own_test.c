#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/stack.h"

/* Docker's defaults. */
#define INTERVAL_MS 30000u
#define TIMEOUT_MS 30000u
#define START_INTERVAL_MS 5000u
#define RETRIES 3
/* Until docker would try, the pause grows with the time that was spent. */
#define EAGER_MS 250u
#define EAGER_SHARE 4
#define NS_IN_MS 1000000
#define SAID_MAX 4096 /* bytes of the last try's output that are shown */

/* The command of a check as written in compose files and images, or NULL: "NONE", or nothing to run. */
static const char *const *test_words(struct actor *actor, const char *const *test, size_t len)
{
	const char **words;
	size_t words_len = 0;

	if (len < 2 || strcmp(test[0], "NONE") == 0)
		return NULL;
	words = arena_array(actor->arena, len + 2, sizeof(*words));
	if (strcmp(test[0], "CMD-SHELL") == 0) {
		words[words_len++] = "/bin/sh";
		words[words_len++] = "-c";
	}
	for (size_t i = 1; i < len; i++)
		words[words_len++] = test[i];
	return words;
}

static uint64_t own_test_time(const struct json *check, const char *key)
{
	long long ns = json_int(check, key);

	return ns > 0 ? (uint64_t)ns / NS_IN_MS : 0;
}

static int own_test_take_image(struct actor *actor, const char *healthcheck, struct own_test *ret, struct error **err)
{
	cleanup_json struct json *check = NULL;
	const struct json *test;
	const char **items;
	size_t len;

	if (!healthcheck)
		return 0;
	if (json_parse(healthcheck, strlen(healthcheck), "HEALTHCHECK", &check, err) < 0)
		return -1;
	test = json_get(check, "Test");
	len = json_len(test);
	items = arena_array(actor->arena, len + 1, sizeof(*items));
	for (size_t i = 0; i < len; i++) {
		const char *item = json_text(json_at(test, i));

		items[i] = arena_strdup(actor->arena, item ? item : "");
	}
	ret->test = test_words(actor, items, len);
	ret->interval_ms = own_test_time(check, "Interval");
	ret->timeout_ms = own_test_time(check, "Timeout");
	ret->start_period_ms = own_test_time(check, "StartPeriod");
	ret->start_interval_ms = own_test_time(check, "StartInterval");
	ret->retries = json_int(check, "Retries") > 0 ? (unsigned)json_int(check, "Retries") : 0;
	return 0;
}

static void own_test_replace(uint64_t *value, uint64_t own)
{
	if (own > 0)
		*value = own;
}

int own_test_take(struct actor *actor, const char *healthcheck, struct error **err)
{
	const struct healthcheck *own = &actor->part->service->healthcheck;
	const char **items = arena_array(actor->arena, own->test.len + 1, sizeof(*items));
	struct own_test check = { 0 };

	if (!own->disable && own_test_take_image(actor, healthcheck, &check, err) < 0)
		return -1;
	for (size_t i = 0; i < own->test.len; i++)
		items[i] = own->test.items[i].s;
	if (!own->disable && own->test.len > 0)
		check.test = test_words(actor, items, own->test.len);
	own_test_replace(&check.interval_ms, own->interval_ms);
	own_test_replace(&check.timeout_ms, own->timeout_ms);
	own_test_replace(&check.start_period_ms, own->start_period_ms);
	own_test_replace(&check.start_interval_ms, own->start_interval_ms);
	if (own->retries > 0)
		check.retries = own->retries;
	if (check.timeout_ms == 0)
		check.timeout_ms = TIMEOUT_MS;
	if (check.retries == 0)
		check.retries = RETRIES;
	actor->check = check;
	return 0;
}

static uint64_t interval_of(const struct own_test *check)
{
	return check->interval_ms ? check->interval_ms : INTERVAL_MS;
}

/* When docker's first try is whose failure counts. */
static uint64_t first_due(const struct own_test *check)
{
	uint64_t first = interval_of(check);

	if (check->start_period_ms == 0)
		return first;
	if (first > START_INTERVAL_MS)
		first = START_INTERVAL_MS;
	return first > check->start_period_ms ? first : check->start_period_ms;
}

/* When the next try is due whose failure counts. */
static uint64_t next_due(const struct own_test *check, uint64_t last)
{
	return last ? last + interval_of(check) : first_due(check);
}

bool own_test_counts(const struct own_test *check, uint64_t at, uint64_t last)
{
	return at >= next_due(check, last);
}

uint64_t own_test_pause(const struct own_test *check, uint64_t now, uint64_t last)
{
	uint64_t due = next_due(check, last), eager = now / EAGER_SHARE < EAGER_MS ? EAGER_MS : now / EAGER_SHARE;

	if (now < check->start_period_ms && check->start_interval_ms)
		return check->start_interval_ms;
	if (due <= now)
		return 1;
	return (last && check->interval_ms) || eager > due - now ? due - now : eager;
}

static void report_unhealthy(struct stack *stack, const struct actor *actor, const char *what, const struct buf *said,
			     uint64_t took)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%s%sunhealthy after %llu ms: its health check failed %u time%s in a row\n", what,
		   *what ? ": " : "", (unsigned long long)took, actor->check.retries,
		   actor->check.retries == 1 ? "" : "s");
	if (said->len > 0) {
		buf_str(&text, "  the check's last output:\n");
		findings_quote(&text, said->data, said->len, SAID_MAX);
	}
	stack_add_logs(actor->container, &text);
	findings_fail(stack->findings, ERROR_HEALTH, "%s", text.data);
}

static void report_ended(struct stack *stack, const struct actor *actor, const char *what, int status)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%s%sit ended with status %d before its health check passed\n", what, *what ? ": " : "",
		   status);
	stack_add_logs(actor->container, &text);
	findings_fail(stack->findings, ERROR_HEALTH, "%s", text.data);
}

bool own_test_wait(struct stack *stack, const struct actor *actor, const char *what)
{
	const struct own_test *check = &actor->check;
	uint64_t start = loop_now_ms(), last = 0;
	cleanup_buf struct buf said = { 0 };
	struct error *error = NULL;
	bool running = true, healthy = false;
	unsigned failed = 0;
	int status = 0;

	for (;;) {
		uint64_t at = loop_now_ms() - start, now;

		buf_reset(&said);
		if (container_healthcheck(actor->container, check->test, check->timeout_ms, &healthy, &said, &error) < 0)
			break;
		if (healthy)
			return true;
		if (container_state(actor->container, &running, &status, &error) < 0)
			break;
		now = loop_now_ms() - start;
		if (!running) {
			report_ended(stack, actor, what, status);
			return false;
		}
		if (own_test_counts(check, at, last)) {
			failed++;
			last = now;
		}
		if (failed >= check->retries) {
			report_unhealthy(stack, actor, what, &said, now);
			return false;
		}
		if (loop_pause_unless(stack->loop, own_test_pause(check, now, last), &stack->stopped, &error) < 0)
			break;
	}
	stack_report(stack, what, &error);
	return false;
}
