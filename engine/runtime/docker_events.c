#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/scan.h"
#include "engine/io/socket.h"
#include "engine/runtime/docker_events.h"

/*
 * docker's daemon keeps its last 256 events, in memory. It answers with the newest of them up to the first one that is older than asked
 * for. So when the event of our own load is in the answer, everything that happened since is, too; after a restart, or when too much has
 * happened, it is not there, and the images are asked for.
 */

#define EVENTS_MS 250        /* an answer that takes longer has waited: the daemon's clock is not ours */
#define SLEW_PER_MILLION 500 /* how much faster or slower a clock that is being corrected may run */
#define STEP_MS 5            /* and what two readings one after the other may differ by */

struct docker_event {
	struct scan_text type, action, id, name;
	uint64_t time; /* nanoseconds since 1970 */
};

static bool read_actor(struct scan *s, struct docker_event *ret)
{
	struct scan_text key, inner;

	scan_object(s);
	while (scan_member(s, &key)) {
		if (scan_is(&key, "ID")) {
			scan_string(s, &ret->id);
		} else if (scan_is(&key, "Attributes")) {
			scan_object(s);
			while (scan_member(s, &inner))
				if (!(scan_is(&inner, "name") ? scan_string(s, &ret->name) : scan_skip(s)))
					break;
		} else {
			scan_skip(s);
		}
	}
	return !s->bad;
}

static bool read_event(const char *line, size_t len, struct docker_event *ret)
{
	struct scan s = scan_begin(line, len);
	struct scan_text key;

	*ret = (struct docker_event){ 0 };
	scan_object(&s);
	while (scan_member(&s, &key)) {
		if (scan_is(&key, "Type"))
			scan_string(&s, &ret->type);
		else if (scan_is(&key, "Action"))
			scan_string(&s, &ret->action);
		else if (scan_is(&key, "Actor"))
			read_actor(&s, ret);
		else if (scan_is(&key, "timeNano"))
			scan_number(&s, &ret->time);
		else
			scan_skip(&s);
	}
	return scan_done(&s) && ret->type.text && ret->action.text && ret->time && !ret->name.escaped;
}

/* The oldest first. malloc'd; they point into `text`. False when the daemon does not answer at once, or not as it should. */
static bool ask_events(const char *socket, uint64_t since, struct buf *text, struct docker_event **ret, size_t *ret_len)
{
	uint64_t now = clock_unix_ns();
	cleanup_free char *target = mem_printf("/events?since=%" PRIu64 ".%09" PRIu64 "&until=%" PRIu64 ".%09" PRIu64,
					       since / CLOCK_SECOND, since % CLOCK_SECOND, now / CLOCK_SECOND,
					       now % CLOCK_SECOND);
	const char *at, *end;
	size_t cap = 0;

	*ret = NULL;
	*ret_len = 0;
	if (socket_get(socket, target, EVENTS_MS, text, NULL) < 0)
		return false;
	for (at = text->data, end = at + text->len; at < end;) {
		size_t len = strcspn(at, "\n");

		if (len > 0) {
			mem_reserve(ret, &cap, *ret_len + 1, sizeof(**ret));
			if (!read_event(at, len, &(*ret)[(*ret_len)++]))
				return false;
		}
		at += len + (at[len] == '\n');
	}
	return true;
}

static bool same_id(const struct docker_event *event, const struct runtime_image *image)
{
	return scan_is(&event->id, image->identity) || (image->digest && scan_is(&event->id, image->digest));
}

static bool names_one(const struct docker_event *event, const char *const *references, size_t len)
{
	cleanup_free char *name = event->name.text ? mem_strndup(event->name.text, event->name.len) : NULL;

	for (size_t i = 0; name && i < len; i++)
		if (ref_same(name, references[i]))
			return true;
	return false;
}

/* How far the time of day is ahead of the time since the machine was started, in milliseconds. */
static int64_t ahead(void)
{
	return clock_unix_ms() - clock_running_ms();
}

char *docker_events_mark(const char *socket, const struct runtime_image *image, const char *const *references,
			 size_t len, uint64_t since)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free struct docker_event *events = NULL;
	const struct docker_event *ours = NULL;
	size_t count, loads = 0;

	if (!ask_events(socket, since, &text, &events, &count))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		bool load = scan_is(&events[i].action, "load");

		if (!scan_is(&events[i].type, "image") || !same_id(&events[i], image))
			continue;
		loads += load;
		if (!ours && (load || (scan_is(&events[i].action, "tag") && names_one(&events[i], references, len))))
			ours = &events[i];
	}
	/* Of two, one may be somebody else's, with other names. */
	return ours && loads <= 1
		       ? mem_printf("%" PRIu64 " %" PRId64 " %" PRId64, ours->time, ahead(), clock_running_ms())
		       : NULL;
}

/* What a mark says, when the clock has not been set back since. Events from before that would be later than now, and the daemon would leave
 * them out. */
static uint64_t mark_time(const char *mark)
{
	int64_t was_ahead, running, now = clock_running_ms(), slack;
	uint64_t time;

	if (!mark || sscanf(mark, "%" SCNu64 " %" SCNd64 " %" SCNd64, &time, &was_ahead, &running) != 3 || now < running)
		return 0;
	slack = (now - running) * SLEW_PER_MILLION / 1000000 + STEP_MS;
	return ahead() >= was_ahead - slack ? time : 0;
}

/* By time: the image whose mark it is. */
static const struct runtime_presence *owner_of(const struct docker_event *event, const struct runtime_presence *items,
					       const uint64_t *times, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (times[i] == event->time && same_id(event, &items[i].image))
			return &items[i];
	return NULL;
}

static bool has_digest(const struct scan_text *name)
{
	return name->len > 7 && strncmp(name->text, "sha256:", 7) == 0;
}

/* Whether the event may have taken a name from the image. Loads, pulls and whatever else there is do not say which names they gave. */
static bool may_touch(const struct docker_event *event, const struct runtime_presence *item, bool marked)
{
	static const char *const harmless[] = { "save", "push", "create", "mount", "unmount" };

	if (!scan_is(&event->type, "image"))
		return false;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (scan_is(&event->action, harmless[i]))
			return false;
	if (scan_is(&event->action, "tag"))
		return names_one(event, item->references, item->len) && !same_id(event, &item->image);
	if (names_one(event, item->references, item->len))
		return true;
	if (scan_is(&event->action, "untag")) /* where it does not say which name it was, it says the id once more */
		return same_id(event, &item->image) && (!event->name.text || has_digest(&event->name));
	if (scan_is(&event->action, "delete"))
		return same_id(event, &item->image);
	return !marked;
}

/* `from`: of its own event. */
static bool untouched(const struct docker_event *events, size_t count, size_t from, const struct runtime_presence *item,
		      const bool *marked)
{
	for (size_t i = from + 1; i < count; i++)
		if (may_touch(&events[i], item, marked[i]))
			return false;
	return true;
}

void docker_events_hold(const char *socket, struct runtime_presence *items, size_t len)
{
	cleanup_free uint64_t *times = mem_array(len + 1, sizeof(*times));
	cleanup_free struct docker_event *events = NULL;
	cleanup_free bool *marked = NULL;
	cleanup_buf struct buf text = { 0 };
	uint64_t since = 0;
	size_t count;

	for (size_t i = 0; i < len; i++) {
		times[i] = mark_time(items[i].mark);
		if (times[i] && (!since || times[i] < since))
			since = times[i];
	}
	if (!since || !ask_events(socket, since, &text, &events, &count))
		return;
	marked = mem_array(count + 1, sizeof(*marked));
	for (size_t i = 0; i < count; i++)
		marked[i] = scan_is(&events[i].action, "load") && owner_of(&events[i], items, times, len);
	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; times[i] && j < count; j++)
			if (events[j].time == times[i] && same_id(&events[j], &items[i].image))
				items[i].held = untouched(events, count, j, &items[i], marked);
}
