#ifndef ENGINE_IO_NET_H
#define ENGINE_IO_NET_H

#include <stdbool.h>

/* This machine has no address but those for itself: nobody else can be reached, however often it is tried. */
bool net_offline(void);

#endif
