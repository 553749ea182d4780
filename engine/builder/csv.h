#ifndef ENGINE_BUILDER_CSV_H
#define ENGINE_BUILDER_CSV_H

struct buf;

/* Adds one field to a list that the tools read as CSV ("type=oci,dest=/a"): quoted where it must be. */
void csv_add(struct buf *out, const char *field);

#endif
