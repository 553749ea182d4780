#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/step_times.h"
#include "engine/io/loop.h"

struct step_time {
	char *label, *name;
	uint64_t start_ms, end_ms; /* end_ms 0: it has not ended */
	bool cached;
};

struct step_times {
	uint64_t start_ms;
	struct step_time *steps;
	size_t len, cap;
};

struct step_times *step_times_new(void)
{
	struct step_times *times = mem_alloc(sizeof(*times));

	times->start_ms = loop_now_ms();
	return times;
}

void step_times_free(struct step_times *times)
{
	if (!times)
		return;
	for (size_t i = 0; i < times->len; i++) {
		free(times->steps[i].label);
		free(times->steps[i].name);
	}
	free(times->steps);
	free(times);
}

size_t step_times_begin(struct step_times *times, const char *label, size_t label_len, const char *name, size_t name_len)
{
	if (!times)
		return 0;
	mem_reserve(&times->steps, &times->cap, times->len + 1, sizeof(*times->steps));
	times->steps[times->len] = (struct step_time){
		.label = mem_strndup(label, label_len),
		.name = mem_strndup(name, name_len),
		.start_ms = loop_now_ms(),
	};
	return times->len++;
}

void step_times_end(struct step_times *times, size_t step)
{
	if (times && step < times->len && times->steps[step].end_ms == 0)
		times->steps[step].end_ms = loop_now_ms();
}

void step_times_cached(struct step_times *times, size_t step)
{
	if (times && step < times->len)
		times->steps[step].cached = true;
}

void step_times_json(struct step_times *times, struct buf *out)
{
	cleanup_json struct json *list = json_new_array();

	if (!times || times->len == 0)
		return;
	for (size_t i = 0; i < times->len; i++) {
		const struct step_time *step = &times->steps[i];
		struct json *object = json_new_object();

		step_times_end(times, i);
		json_set(object, "step", json_new_string(step->label));
		json_set(object, "name", json_new_string(step->name));
		json_set_int(object, "start_ms", (int64_t)(step->start_ms - times->start_ms));
		json_set_int(object, "took_ms", (int64_t)(step->end_ms - step->start_ms));
		json_set_bool(object, "cached", step->cached);
		json_append(list, object);
	}
	json_dump(list, JSON_COMPACT, out);
}
