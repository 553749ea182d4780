#include "config.h"

#include "engine/builder/emulation.h"
#include "engine/builder/proof.h"
#include "engine/builder/result_import.h"
#include "tests/unit/builder_world.h"

static const struct platform armv7 = { "linux", "arm", "v7" }, armv6 = { "linux", "arm", "v6" },
			     amd64v2 = { "linux", "amd64", "v2" };
static char layers[][DIGEST_LEN + 1] = { ONE, TWO }, others[][DIGEST_LEN + 1] = { TWO, ONE };

static void assert_fault(const struct image *result, const struct platform *platform, const struct image *base,
			 const char *wanted)
{
	cleanup_free char *fault = proof_fault(result, platform, base);

	if (!wanted)
		assert_null(fault);
	else if (!fault || !strstr(fault, wanted))
		fail_msg("%s instead of %s", fault ? fault : "no fault", wanted);
}

static void test_platform(void **state)
{
	struct image image = { .platform = amd64 };

	(void)state;
	assert_fault(&image, &amd64, NULL, NULL);
	assert_fault(&image, &arm64, NULL, "linux/amd64 instead of linux/arm64");
	/* the same content for amd64, out of a cache that does not look at the variant */
	assert_fault(&image, &amd64v2, NULL, "linux/amd64 instead of linux/amd64/v2");
	image.platform = amd64v2;
	assert_fault(&image, &amd64, NULL, "linux/amd64/v2 instead of linux/amd64");
	image.platform = armv6;
	assert_fault(&image, &armv7, NULL, "linux/arm/v6 instead of linux/arm/v7");
}

static void test_layers(void **state)
{
	struct image base = { .platform = arm64, .diff_ids = layers, .diff_ids_len = 1 };
	struct image image = { .platform = arm64, .diff_ids = layers, .diff_ids_len = 2 };

	(void)state;
	assert_fault(&image, &arm64, &base, NULL);
	image.diff_ids_len = 1;
	assert_fault(&image, &arm64, &base, NULL);
	image.diff_ids_len = 0;
	assert_fault(&image, &arm64, &base, "0 layers, fewer than the 1");
	image.diff_ids = others;
	image.diff_ids_len = 2;
	assert_fault(&image, &arm64, &base, "layer 1 of the image is " TWO ", not " ONE);
}

static void test_dates(void **state)
{
	char old[] = "2001-09-09T01:46:40Z", now[] = "2023-11-14T22:13:20Z", none[] = "";
	char *only_base[] = { old, NULL }, *good[] = { old, now, now, NULL }, *cached[] = { old, now, old, NULL },
	     *silent[] = { now, none, NULL };
	struct image base = { .history = only_base }, image = { .history = good };

	(void)state;
	assert_true(proof_dated(&image, &base, 1700000000));
	assert_false(proof_dated(&image, NULL, 1700000000));
	assert_false(proof_dated(&image, &base, 1700000001));
	image.history = cached;
	assert_false(proof_dated(&image, &base, 1700000000));
	image.history = silent;
	assert_false(proof_dated(&image, NULL, 1700000000));
}

/* BuildKit takes a base for another processor, and calls the result what was asked for. */
static void test_base_platform(void **state)
{
	struct image base = { .platform = amd64, .diff_ids = layers, .diff_ids_len = 1 };
	struct image image = { .platform = arm64, .diff_ids = layers, .diff_ids_len = 1 };
	struct image newer = { .platform = amd64v2, .diff_ids = layers, .diff_ids_len = 1 };

	(void)state;
	assert_fault(&newer, &amd64v2, &base, NULL);
	assert_fault(&image, &arm64, &base, "its base is for linux/amd64");
	*base.platform.arch = '\0';
	assert_fault(&image, &arm64, &base, NULL);
}

static void test_base(void **state)
{
	struct build_image images[] = { { .name = "a" }, { .name = "b" } };
	struct build_job job = { .images = images, .images_len = 2 };

	(void)state;
	assert_null(proof_base(&job));
	images[1].base = true;
	assert_ptr_equal(proof_base(&job), &images[1]);
}

static void test_stage_dir(void **state)
{
	struct layout *layout = open_store();
	cleanup_free char *manifest = NULL, *version = NULL;
	cleanup_image struct image *image = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	make_image(layout, &arm64, "the bytes", digest);
	ok(import_stage_dir(layout, digest, "dir", err));
	ok(image_read(layout, digest, &image, err));
	manifest = read_all_text("dir/manifest.json");
	version = read_all_text("dir/version");
	assert_string_equal(version, "Directory Transport Version: 1.1\n");
	assert_non_null(strstr(manifest, DOCKER_MANIFEST_TYPE));
	assert_non_null(strstr(manifest, "\"" DOCKER_CONFIG_TYPE "\""));
	assert_non_null(strstr(manifest, "\"application/vnd.docker.image.rootfs.diff.tar\""));
	assert_int_equal(
		shell("cd dir && sha256sum $(ls | grep -E '^[0-9a-f]{64}$') | while read a b; do [ $a = $b ] || exit 1; done"),
		0);
	assert_int_equal(shell("test -e dir/%s -a -e dir/%s", digest_hex(image->config.digest),
			       digest_hex(image->layers[0].digest)),
			 0);
	layout_free(layout);
}

static void test_pull_reference(void **state)
{
	static const char *const cases[][2] = {
		{ "debian", "docker://docker.io/library/debian:latest" },
		{ "debian:12", "docker://docker.io/library/debian:12" },
		{ "127.0.0.1:5000/a/b", "docker://127.0.0.1:5000/a/b:latest" },
		{ "ghcr.io/a/b:1@" ONE, "docker://ghcr.io/a/b@" ONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *text = import_pull_reference(cases[i][0]);

		assert_string_equal(text, cases[i][1]);
	}
}

static bool listed(const struct platform *platforms, size_t len, const char *name)
{
	struct platform platform;

	assert_true(platform_parse(name, &platform));
	for (size_t i = 0; i < len; i++)
		if (platform_equal(&platforms[i], &platform))
			return true;
	return false;
}

static void test_emulation(void **state)
{
	struct platform platforms[EMULATION_MAX], host;
	size_t len;

	(void)state;
	platform_host(&host);
	ok(fs_mkdirs("binfmt", 0755, err));
	write_text("binfmt/qemu-s390x", "enabled\ninterpreter /usr/bin/qemu-s390x-static\nflags: OCF\noffset 0\n");
	write_text("binfmt/qemu-ppc64le", "disabled\ninterpreter /usr/bin/qemu-ppc64le-static\nflags: OCF\noffset 0\n");
	write_text("binfmt/qemu-riscv64", "enabled\ninterpreter /usr/bin/Fake-static\nflags: OC\noffset 0\n");
	len = emulation_platforms("binfmt", platforms);
	assert_true(platform_equal(&platforms[0], &host));
	assert_true(listed(platforms, len, "linux/s390x"));
	assert_false(listed(platforms, len, "linux/ppc64le"));
	assert_false(listed(platforms, len, "linux/riscv64"));
	len = emulation_platforms("nowhere", platforms);
	assert_true(len >= 1 && platform_equal(&platforms[0], &host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_platform),  TEST(test_layers),         TEST(test_base_platform), TEST(test_base),
		TEST(test_stage_dir), TEST(test_pull_reference), TEST(test_emulation),     TEST(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
