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
#include "base/xxh3.h"
#include "engine/io/socket.h"
#include "engine/runtime/docker_events.h"

/*
 * docker's daemon keeps its last 256 events, in memory. It answers with the newest of them up to the first one that is older than asked
 * for. So when the event of our own load is in the answer, everything that happened since is, too; after a restart, or when too much has
 * happened, it is not there, and the images are asked for. Then the newest event, whatever it is about, marks what that look found.
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

struct docker_mark {
	uint64_t time;            /* of its event; 0: it cannot be used */
	char event[HASH_HEX + 1]; /* "": it is one about the image */
};

/* Events from before the clock was set back would be later than now, and the daemon would leave them out. */
static struct docker_mark read_mark(const char *text)
{
	struct docker_mark mark = { 0 };
	int64_t was_ahead, running, now = clock_running_ms(), slack;

	if (!text ||
	    sscanf(text, "%" SCNu64 " %" SCNd64 " %" SCNd64 " %32s", &mark.time, &was_ahead, &running, mark.event) < 3 ||
	    now < running)
		return (struct docker_mark){ 0 };
	slack = (now - running) * SLEW_PER_MILLION / 1000000 + STEP_MS;
	return ahead() >= was_ahead - slack ? mark : (struct docker_mark){ 0 };
}

static void event_hash(const struct docker_event *event, char ret[HASH_HEX + 1])
{
	struct hasher *hasher cleanup_hasher = hasher_new();

	hasher_field(hasher, "type", event->type.text, event->type.len);
	hasher_field(hasher, "action", event->action.text, event->action.len);
	hasher_field(hasher, "id", event->id.text, event->id.len);
	hash_hex(hasher_done(hasher), ret);
}

static bool event_is_marked(const struct docker_event *event, const struct docker_mark *mark,
			    const struct runtime_image *image)
{
	char hash[HASH_HEX + 1];

	if (event->time != mark->time || !*mark->event)
		return event->time == mark->time && same_id(event, image);
	event_hash(event, hash);
	return strcmp(hash, mark->event) == 0;
}

/* The newest event marks now: what happens later comes behind it. */
static char *mark_now(const struct docker_event *events, size_t count)
{
	char hash[HASH_HEX + 1];

	if (count == 0)
		return NULL;
	event_hash(&events[count - 1], hash);
	return mem_printf("%" PRIu64 " %" PRId64 " %" PRId64 " %s", events[count - 1].time, ahead(), clock_running_ms(),
			  hash);
}

/* Of an image with its marks. */
struct marked {
	struct docker_mark load, newest;
};

/* The image whose load it is, of those whose marks are known: then the names that it gave are, too. NULL: somebody else's. */
static const struct runtime_presence *loaded_by(const struct docker_event *event, const struct runtime_presence *items,
						const struct marked *marks, size_t len)
{
	for (size_t i = 0; i < len && scan_is(&event->action, "load"); i++)
		if (marks[i].load.time && event_is_marked(event, &marks[i].load, &items[i].image))
			return &items[i];
	return NULL;
}

static bool share_a_name(const struct runtime_presence *one, const struct runtime_presence *other)
{
	for (size_t i = 0; i < one->len; i++)
		for (size_t j = 0; j < other->len; j++)
			if (ref_same(one->references[i], other->references[j]))
				return true;
	return false;
}

static bool has_digest(const struct scan_text *name)
{
	return name->len > 7 && strncmp(name->text, "sha256:", 7) == 0;
}

/* Whether the event may have taken a name from the image. Loads, pulls and whatever else there is do not say which names they gave. */
static bool may_touch(const struct docker_event *event, const struct runtime_presence *item,
		      const struct runtime_presence *loaded)
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
	return !loaded || (loaded != item && share_a_name(loaded, item));
}

/* `from`: of its own event. */
static bool untouched(const struct docker_event *events, size_t count, size_t from, const struct runtime_presence *item,
		      const struct runtime_presence *const *loaded)
{
	for (size_t i = from + 1; i < count; i++)
		if (may_touch(&events[i], item, loaded[i]))
			return false;
	return true;
}

void docker_events_hold(const char *socket, struct runtime_presence *items, size_t len, char **ret_now)
{
	cleanup_free struct marked *marks = mem_array(len + 1, sizeof(*marks));
	cleanup_free struct docker_event *events = NULL;
	cleanup_free const struct runtime_presence **loaded = NULL;
	cleanup_buf struct buf text = { 0 };
	uint64_t since = 0;
	size_t count;

	*ret_now = NULL;
	for (size_t i = 0; i < len; i++) {
		struct docker_mark seen = read_mark(items[i].seen);

		marks[i].load = read_mark(items[i].mark);
		marks[i].newest = seen.time > marks[i].load.time ? seen : marks[i].load;
		if (marks[i].newest.time && (!since || marks[i].newest.time < since))
			since = marks[i].newest.time;
	}
	if (!ask_events(socket, since, &text, &events, &count))
		return;
	*ret_now = mark_now(events, count);
	loaded = mem_array(count + 1, sizeof(*loaded));
	for (size_t i = 0; i < count; i++)
		loaded[i] = loaded_by(&events[i], items, marks, len);
	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; marks[i].newest.time && j < count; j++)
			if (event_is_marked(&events[j], &marks[i].newest, &items[i].image))
				items[i].held = untouched(events, count, j, &items[i], loaded);
}
