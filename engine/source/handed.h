#ifndef ENGINE_SOURCE_HANDED_H
#define ENGINE_SOURCE_HANDED_H

#include <stddef.h>

struct error;
struct source;

/*
 * What builders were handed of a folder before. BuildKit keeps the folders that it was given, each under a name. Given one
 * of that name again it is sent only the files that differ in name, size, modification time or mode; of the others it
 * goes on using the bytes that it has, whatever is in them now. So a folder has a name here that stays as long as no
 * file of it can be taken for another one. For that every file ever handed over under a name is remembered, with what tells
 * its bytes apart: digest, change time, inode. When one comes back with the same size and modification time and
 * anything of these differs, or when what was remembered is lost, the folder gets a new name. So it does when the mode of a
 * folder in it differs: BuildKit takes that mode over, but does not see that what it has built is made of another one.
 */
struct handed;

struct handed *handed_new(void);
void handed_free(struct handed *handed); /* NULL-safe */

/* Adds the files and folders of a selection. `context` is what the builder calls the folder ("" for the main one). After
 * source_scan; thread-safe. */
void handed_add(struct handed *handed, const char *context, struct source *source, size_t selection);
/* Adds a file, or the files below a folder, that are in no selection: looked at now. `relative` is its path within
 * `root`. ERROR_USAGE when it cannot be looked at. */
int handed_add_path(struct handed *handed, const char *context, const char *root, const char *relative,
		    struct error **err);

#define HANDED_NAME 32 /* characters */
/* The name to hand over the folder `root` under, together with all that was added. What was added is durably noted in
 * the folder `dir` (made when missing) before this returns. Several processes may do it at once. ERROR_STATE. */
int handed_name(struct handed *handed, const char *dir, const char *root, char ret[HANDED_NAME + 1], struct error **err);

void handed_cleanup(struct handed **handed);
#define cleanup_handed __attribute__((cleanup(handed_cleanup)))

#endif
