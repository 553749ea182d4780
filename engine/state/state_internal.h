#ifndef ENGINE_STATE_STATE_INTERNAL_H
#define ENGINE_STATE_STATE_INTERNAL_H

/* For the files of this room only. */
struct state {
	struct db *db;
};

#endif
