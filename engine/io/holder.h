#ifndef ENGINE_IO_HOLDER_H
#define ENGINE_IO_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

/* Who holds a port of this machine: the name of the program (malloc'd) and its process. NULL where that cannot be seen:
 * the process is another user's or in another namespace, or there is no /proc. */
char *holder_find(uint16_t port, bool udp, int *ret_pid);

#endif
