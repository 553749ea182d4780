#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/io/http.h"
#include "engine/registry/authfile.h"
#include "engine/registry/challenge.h"
#include "engine/registry/credentials.h"
#include "engine/registry/url.h"
#include "base/remote.h"
#include "engine/source/version.h"

/* The texts that registries and logins are made of. */

static void assert_text(char *got, const char *wanted)
{
	if (wanted) {
		assert_non_null(got);
		assert_string_equal(got, wanted);
	} else if (got) {
		fail_msg("%s", got);
	}
	free(got);
}

static void test_origin(void **state)
{
	(void)state;
	assert_text(url_origin("https://Ghcr.io/v2/x?y"), "https://ghcr.io");
	assert_text(url_origin("https://ghcr.io:443/"), "https://ghcr.io");
	assert_text(url_origin("http://ghcr.io:443"), "http://ghcr.io:443");
	assert_text(url_origin("http://ghcr.io:80#f"), "http://ghcr.io");
	assert_text(url_origin("https://user@ghcr.io/"), NULL);
	assert_text(url_origin("https://ghcr.io\\@evil.example/"), NULL);
	assert_text(url_origin("https://"), NULL);
	assert_text(url_origin("ftp://ghcr.io"), NULL);
	assert_text(url_origin("https://gh cr.io"), NULL);
	assert_text(url_origin("https://ghcr.io\r\nX: y"), NULL);
}

static void test_resolve(void **state)
{
	static const char base[] = "https://r.io:5000/v2/x/blobs/uploads/?mount=a/b";

	(void)state;
	assert_text(url_resolve(base, "/v2/y?z"), "https://r.io:5000/v2/y?z");
	assert_text(url_resolve(base, "one"), "https://r.io:5000/v2/x/blobs/uploads/one");
	assert_text(url_resolve(base, "//other/y"), "https://other/y");
	assert_text(url_resolve(base, "http://other/y"), "http://other/y");
	assert_text(url_resolve("https://r.io", "one"), "https://r.io/one");
	assert_text(url_resolve(base, "http://a@other/y"), NULL);
}

static void test_loopback(void **state)
{
	(void)state;
	assert_true(url_loopback("localhost"));
	assert_true(url_loopback("LOCALHOST:5000"));
	assert_true(url_loopback("127.0.0.1:5000"));
	assert_true(url_loopback("https://127.1.2.3"));
	assert_true(url_loopback("[::1]:5000"));
	assert_false(url_loopback("127.0.0.1.example.com"));
	assert_false(url_loopback("localhost.example.com"));
	assert_false(url_loopback("[::1].example.com"));
	assert_false(url_loopback("10.0.0.1"));
}

static void test_base64(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },        { "f", "Zg==" },        { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe", "//4=" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		cleanup_buf struct buf coded = { 0 }, plain = { 0 };

		buf_str(&coded, "");
		buf_str(&plain, "");
		base64_encode(pairs[i][0], strlen(pairs[i][0]), &coded);
		assert_string_equal(coded.data, pairs[i][1]);
		assert_true(base64_decode(pairs[i][1], &plain));
		assert_string_equal(plain.data, pairs[i][0]);
	}
	{
		cleanup_buf struct buf plain = { 0 };

		assert_true(base64_decode("Zm8", &plain));
		assert_false(base64_decode("Z", &plain));
		assert_false(base64_decode("Zm9v!", &plain));
		assert_false(base64_decode("Z===", &plain));
	}
}

static struct challenge parse(const char *head)
{
	struct buf headers = { 0 };
	const struct http_response response = { .headers = &headers };
	struct challenge challenge;

	buf_str(&headers, head);
	challenge_parse(&response, &challenge);
	buf_free(&headers);
	return challenge;
}

static void assert_challenge(const char *head, enum challenge_kind kind, const char *realm, const char *service)
{
	cleanup_challenge struct challenge challenge = parse(head);

	assert_int_equal(challenge.kind, kind);
	assert_text(challenge.realm ? mem_strdup(challenge.realm) : NULL, realm);
	assert_text(challenge.service ? mem_strdup(challenge.service) : NULL, service);
}

static void test_challenge(void **state)
{
	(void)state;
	assert_challenge("WWW-Authenticate: Bearer realm=\"https://a/t\",service=\"s\",scope=\"x:y\"\r\n",
			 CHALLENGE_BEARER, "https://a/t", "s");
	assert_challenge("www-authenticate: basic Realm=\"a \\\"b\\\"\"\r\n", CHALLENGE_BASIC, "a \"b\"", NULL);
	assert_challenge("WWW-Authenticate: Basic realm=x, Bearer realm = y , service=z\r\n", CHALLENGE_BEARER, "y", "z");
	assert_challenge("WWW-Authenticate: Bearer realm=y\r\nWWW-Authenticate: Basic realm=x\r\n", CHALLENGE_BEARER,
			 "y", NULL);
	assert_challenge("WWW-Authenticate: Negotiate\r\n", CHALLENGE_NONE, NULL, NULL);
	assert_challenge("WWW-Authenticate: Bearer realm=\"unfinished", CHALLENGE_BEARER, "unfinished", NULL);
	assert_challenge("WWW-Authenticate: =,=\r\n", CHALLENGE_NONE, NULL, NULL);
	assert_challenge("X: y\r\n", CHALLENGE_NONE, NULL, NULL);
}

/* Which login there is: the password, or NULL. */
static void assert_login(const char *file, const char *domain, const char *repository, const char *password)
{
	cleanup_json struct json *json = NULL;
	cleanup_credentials struct credentials found = { 0 };

	assert_int_equal(json_parse(file, strlen(file), "file", &json, NULL), 0);
	assert_int_equal(authfile_find(json, "file", domain, repository, &found, NULL), password ? 1 : 0);
	assert_text(found.password ? mem_strdup(found.password) : NULL, password);
}

static void test_logins(void **state)
{
	static const char file[] =
		"{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"dTpodWI=\"}," /* hub */
		"\"r.io\": {\"auth\": \"dTphbGw=\"},"                                     /* all */
		"\"r.io/team\": {\"auth\": \"dTp0ZWFt\"},"                                /* team */
		"\"https://s.io:5000/v2/\": {\"username\": \"u\", \"password\": \"s\"},\"empty.io\": {},"
		"\"t.io:5000/\": {\"auth\": \"dTp0\\ncmFp\\r\\nbA==\"}," /* trail, over three lines */
		"\"v.io/v2/\": {\"auth\": \"dTpudWwAAAA=\"},"            /* nul and NULs */
		"\"w.io/team/\": {\"auth\": \"dTp0ZWFt\"}}}";

	(void)state;
	assert_login(file, "docker.io", "library/debian", "hub");
	assert_login(file, "index.docker.io.evil.io", "x", NULL);
	assert_login(file, "r.io", "other", "all");
	assert_login(file, "r.io", "team", "team");
	assert_login(file, "r.io", "team/x", "team");
	assert_login(file, "r.io", "teamwork/x", "all");
	assert_login(file, "R.io", "other", "all");
	assert_login(file, "r.io:5000", "other", NULL);
	assert_login(file, "x.r.io", "other", NULL);
	assert_login(file, "s.io:5000", "x", "s");
	assert_login(file, "s.io", "x", NULL);
	assert_login(file, "empty.io", "x", NULL);
	assert_login(file, "t.io:5000", "x", "trail");
	assert_login(file, "v.io", "x", "nul");
	assert_login(file, "w.io", "team/x", "team");
	assert_login(file, "w.io", "x", NULL);
}

static void test_remote(void **state)
{
	(void)state;
	assert_text(remote_url("https://github.com/acme/web.git"), "https://github.com/acme/web");
	assert_text(remote_url("https://user:token@github.com/acme/web"), "https://github.com/acme/web");
	assert_text(remote_url("http://git.lan:3000/a/b.git/"), "http://git.lan:3000/a/b");
	assert_text(remote_url("git@github.com:acme/web.git"), "https://github.com/acme/web");
	assert_text(remote_url("ssh://git@git.lan:2222/acme/web.git"), "https://git.lan/acme/web");
	assert_text(remote_url("https://h/a?token=x"), "https://h/a");
	assert_text(remote_url("/srv/git/web.git"), NULL);
	assert_text(remote_url("../web"), NULL);
	assert_text(remote_url("file:///srv/git/web"), NULL);
}

static void test_version(void **state)
{
	(void)state;
	assert_text(version_semver("v1.4.2", 3), "1.4.2");
	assert_text(version_semver("1.4.2", 2), "1.4");
	assert_text(version_semver("V10.0.0", 1), "10");
	assert_text(version_semver("v1.4.2-rc.1+build", 3), "1.4.2-rc.1");
	assert_text(version_semver("v1.4.2+build", 2), "1.4");
	assert_text(version_semver("v1.4.2-rc.1", 2), NULL);
	assert_text(version_semver("v1.4.2-rc.1", 1), NULL);
	assert_text(version_semver("v1.4", 3), NULL);
	assert_text(version_semver("v1.4.2.3", 3), NULL);
	assert_text(version_semver("v01.4.2", 3), NULL);
	assert_text(version_semver("v1.4.2-", 3), NULL);
	assert_text(version_semver("v1.4.2-a/b", 3), NULL);
	assert_text(version_semver("release", 3), NULL);
	assert_text(version_slug("feature/Some thing#1"), "feature-Some-thing-1");
	assert_text(version_slug("-x"), "_x");
	assert_text(version_slug(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origin), cmocka_unit_test(test_resolve),   cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_base64), cmocka_unit_test(test_challenge), cmocka_unit_test(test_logins),
		cmocka_unit_test(test_remote), cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
