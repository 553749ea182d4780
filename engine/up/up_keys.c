#include "config.h"

#include <ctype.h>
#include <string.h>

#include "engine/io/keys.h"
#include "engine/io/loop.h"
#include "engine/up/up_internal.h"

/* On the loop's thread; the task that watches the services does what is asked. */
static void up_on_key(void *arg, char key)
{
	struct up *up = arg;
	char lower = (char)tolower((unsigned char)key);

	if (!strchr("dowq", lower) || !lower)
		return;
	/* The second one does not wait. */
	if (lower == 'q' && atomic_load(&up->key) == 'q') {
		atomic_store(&up->hurry, true);
		return;
	}
	atomic_store(&up->key, lower);
}

void up_keys_open(struct up *up)
{
	if (up->job->key)
		up->keys = keys_new(up->job->loop, up_on_key, up);
}

bool up_keys_answer(struct up *up)
{
	char key = atomic_load(&up->key);

	if (!up->keys || !key)
		return false;
	if (key == 'o') {
		atomic_store(&up->key, 0);
		for (size_t i = 0; i < up->stack.len; i++)
			if (up->stack.actors[i].container)
				tell_ports(up, &up->stack.actors[i]);
		up_tell(up, &(struct up_event){ .kind = UP_READY });
		return false;
	}
	up->left = key == 'd' || key == 'w';
	*up->job->key = key;
	if (key == 'q')
		up_tell(up, &(struct up_event){ .kind = UP_ENDING });
	return true;
}
