#ifndef CLI_REPORT_UP_REPORT_H
#define CLI_REPORT_UP_REPORT_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct up_event;
struct stack_part;

/* The report of running services: their start on stderr, addresses and output on stdout. */
struct standing;

/* `addresses`: they are shown once all are healthy; `keys`: and which keys there are. */
struct standing *standing_new(const struct stack_part *parts, size_t len, bool quiet, bool addresses, bool keys);
void standing_free(struct standing *standing); /* NULL-safe */
/* An up_job.event. ERROR_STATE when stdout cannot be written. */
int standing_event(void *standing, const struct up_event *event, struct error **err);

#endif
