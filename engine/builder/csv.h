#ifndef ENGINE_BUILDER_CSV_H
#define ENGINE_BUILDER_CSV_H

struct buf;
struct build_job;

/* Adds one field to a list that the tools read as CSV ("type=oci,dest=/a"): quoted where it must be. */
void csv_add(struct buf *out, const char *field);
/* What BuildKit is to do with a job's image: an OCI layout in a tar, at the path `dest`. */
void csv_add_output(const struct build_job *job, const char *dest, struct buf *out);

#endif
