#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

static void test_allocations_are_zeroed(void **state)
{
	cleanup_free unsigned char *bytes = mem_alloc(1000);
	cleanup_free void *nothing = mem_alloc(0);
	cleanup_free uint64_t *numbers = mem_array(7, sizeof(*numbers));

	(void)state;
	assert_non_null(nothing);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bytes[i], 0);
	for (int i = 0; i < 7; i++)
		assert_int_equal(numbers[i], 0);
}

/* The exit status of a child that asks for more than there is. */
static int status_of_overflow(void *(*ask)(size_t, size_t))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		free(ask(SIZE_MAX / 2, 4));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void *ask_arena(size_t count, size_t size)
{
	struct arena *arena = arena_new();
	void *p = arena_array(arena, count, size);

	arena_free(arena);
	return p ? NULL : arena;
}

static void test_overflow_ends_the_process(void **state)
{
	(void)state;
	assert_int_equal(status_of_overflow(mem_array), 70);
	assert_int_equal(status_of_overflow(ask_arena), 70);
}

static void test_reserve_keeps_and_zeroes(void **state)
{
	int *items = NULL;
	size_t cap = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		mem_reserve(&items, &cap, (size_t)i + 1, sizeof(*items));
		assert_true(cap > (size_t)i);
		assert_int_equal(items[i], 0);
		items[i] = i;
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(items[i], i);
	free(items);
}

static void test_strings(void **state)
{
	cleanup_free char *whole = mem_strdup("whole");
	cleanup_free char *part = mem_strndup("part of it", 4);
	cleanup_free char *shorter = mem_strndup("ab", 100);
	cleanup_free char *printed = mem_printf("%d-%s", 7, "x");
	char *stolen;

	(void)state;
	assert_string_equal(whole, "whole");
	assert_string_equal(part, "part");
	assert_string_equal(shorter, "ab");
	assert_string_equal(printed, "7-x");
	stolen = steal_ptr(whole);
	assert_null(whole);
	free(stolen);
}

static void test_arena(void **state)
{
	struct arena *arena = arena_new();
	char *strings[2000];
	unsigned char *large;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		size_t size = (size_t)(i * 37 % 500);
		unsigned char *p = arena_alloc(arena, size);

		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		for (size_t j = 0; j < size; j++)
			assert_int_equal(p[j], 0);
		memset(p, 0xff, size);
		strings[i] = arena_printf(arena, "number %d", i);
	}
	large = arena_alloc(arena, 1 << 20);
	memset(large, 0xff, 1 << 20);
	for (int i = 0; i < 2000; i++) {
		char want[32];

		snprintf(want, sizeof(want), "number %d", i);
		assert_string_equal(strings[i], want);
	}
	assert_null(arena_strdup(arena, NULL));
	assert_string_equal(arena_strdup(arena, "x"), "x");
	assert_string_equal(arena_strndup(arena, "xyz", 2), "xy");
	assert_string_equal(arena_join(arena, "ab", "", "c", NULL), "abc");
	assert_string_equal(arena_join(arena, "", NULL), "");
	arena_free(arena);
	arena_free(NULL);
}

/* What is allocated after an arena was emptied is as zeroed as what came before. */
static void test_arena_cleared(void **state)
{
	static const size_t sizes[] = { 1, 100, 3000, 40000, 7, 100000, 20000 };
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	struct arena *arena = arena_new();

	(void)state;
	arena_clear(arena);
	for (size_t round = 0; round < 3 * count; round++) {
		for (size_t i = 0; i <= round % count; i++) {
			unsigned char *p = arena_alloc(arena, sizes[i]);

			for (size_t byte = 0; byte < sizes[i]; byte++)
				assert_int_equal(p[byte], 0);
			memset(p, 0xff, sizes[i]);
		}
		arena_clear(arena);
	}
	arena_free(arena);
}

static void test_buf(void **state)
{
	struct buf buf = { 0 };
	char *room;
	char *bytes;

	(void)state;
	buf_str(&buf, "");
	assert_string_equal(buf.data, "");
	buf_add(&buf, "a\0b", 3);
	buf_char(&buf, 'c');
	assert_int_equal(buf.len, 4);
	assert_memory_equal(buf.data, "a\0bc", 5);
	buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	for (int i = 0; i < 100; i++)
		buf_printf(&buf, "%04d", i);
	assert_int_equal(buf.len, 400);
	assert_memory_equal(buf.data + 396, "0099", 5);
	buf_printf(&buf, "%1000s", "x");
	assert_int_equal(buf.len, 1400);
	room = buf_room(&buf, 5000);
	memcpy(room, "yz", 2);
	buf_filled(&buf, 2);
	assert_string_equal(buf.data + 1399, "xyz");
	bytes = buf_steal(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	free(bytes);
	bytes = buf_steal(&buf);
	assert_string_equal(bytes, "");
	free(bytes);
	buf_free(&buf);
}

static void test_map(void **state)
{
	cleanup_map struct map *map = map_new();
	char keys[3000][8];

	(void)state;
	assert_null(map_get(map, "x"));
	for (int i = 0; i < 3000; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%d", i * 7919 % 3000);
		assert_null(map_set(map, keys[i], keys[i]));
	}
	assert_int_equal(map_len(map), 3000);
	for (size_t i = 0; i < 3000; i++) {
		char copy[8];

		memcpy(copy, keys[i], sizeof(copy));
		assert_ptr_equal(map_get(map, copy), keys[i]);
		assert_ptr_equal(map_key(map, i), keys[i]);
		assert_ptr_equal(map_value(map, i), keys[i]);
	}
	assert_null(map_get(map, "k3000"));
	assert_null(map_get(map, ""));
	map_free(NULL);
}

static void test_map_replaces(void **state)
{
	cleanup_map struct map *map = map_new();
	int one = 1;
	int two = 2;

	(void)state;
	assert_null(map_set(map, "a", &one));
	assert_null(map_set(map, "b", &one));
	assert_ptr_equal(map_set(map, "a", &two), &one);
	assert_int_equal(map_len(map), 2);
	assert_string_equal(map_key(map, 0), "a");
	assert_ptr_equal(map_get(map, "a"), &two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations_are_zeroed),
		cmocka_unit_test(test_overflow_ends_the_process),
		cmocka_unit_test(test_reserve_keeps_and_zeroes),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_arena_cleared),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_map_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
