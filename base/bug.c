#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bug.h"

#define BUG_STATUS 70 /* EX_SOFTWARE */

void bug_at(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "cbuild: %s:%d: this is a bug of cbuild: ", file, line);
	vfprintf(stderr, format, args);
	fputs("\n", stderr);
	va_end(args);
	_exit(BUG_STATUS);
}
