/* The parser's speed for bench/bake-files: "hcl FILE" parses it and prints the MB/s of the processor's time. */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/hcl/body.h"

#define FILE_MAX (64u << 20)

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new();
	struct buf text = { 0 };
	bool found = false;
	uint32_t file;
	double begun;

	if (argc != 2 || fs_read_if(argv[1], FILE_MAX, &text, &found, NULL) < 0 || !found)
		return 2;
	file = diags_source(diags, argv[1], text.data, text.len);
	begun = seconds();
	if (!hcl_parse(arena, diags, file) || diags_count(diags) > 0)
		return 1;
	printf("%.1f\n", (double)text.len / 1e6 / (seconds() - begun));
	diags_free(diags);
	arena_free(arena);
	buf_free(&text);
	return 0;
}
