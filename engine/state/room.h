#ifndef ENGINE_STATE_ROOM_H
#define ENGINE_STATE_ROOM_H

/* For the files of this room only. */
struct state {
	struct db *db;
};

#endif
