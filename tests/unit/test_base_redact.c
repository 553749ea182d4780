#include "config.h"

#include "base/buf.h"
#include "base/redact.h"
#include "tests/unit/world.h"

static const char *const variables[] = { "HOME=/root", "NPM_TOKEN=canary-of-env", "KEY=short", "EMPTY_KEY=", NULL };

static void redacted(const char *text, bool word, const char *want)
{
	struct redactor *redactor = redactor_new(variables);
	struct buf out = { 0 };

	buf_str(&out, "");
	redactor_add(redactor, "canary-of-file");
	redactor_text(redactor, text, word, &out);
	assert_string_equal(out.data, want);
	buf_free(&out);
	redactor_free(redactor);
}

static void names(void **state)
{
	(void)state;
	assert_true(redact_is_secret("NPM_TOKEN"));
	assert_true(redact_is_secret("dbPassword"));
	assert_true(redact_is_secret("AWS_SECRET_ACCESS_KEY"));
	assert_false(redact_is_secret("VERSION"));
	assert_false(redact_is_secret(""));
}

static void known_values_are_hidden_wherever_they_stand(void **state)
{
	(void)state;
	redacted("RUN echo canary-of-env, canary-of-file.", false, "RUN echo ***, ***.");
	redacted("--label=x=canary-of-env", true, "--label=x=***");
	redacted("a short word stays", false, "a short word stays");
}

static void logins_and_queries_of_urls(void **state)
{
	(void)state;
	redacted("https://user:pa@ss@host/v2/", false, "https://***@host/v2/");
	redacted("GET https://token@host", false, "GET https://***@host");
	redacted("https://host/a@b", false, "https://host/a@b");
	redacted("https://s3/blob?X-Amz-Signature=abc&X-Amz-Date=1#f", false,
		 "https://s3/blob?X-Amz-Signature=***&X-Amz-Date=***#f");
	redacted("https://auth/token?service=r&scope=repository:a/b:pull", false,
		 "https://auth/token?service=r&scope=repository:a/b:pull");
	redacted("is it? a=b", false, "is it? a=b");
}

static void headers(void **state)
{
	(void)state;
	redacted("-H \"Authorization: Basic YWJj\" x", false, "-H \"Authorization:***\" x");
	redacted("Bearer eyJhbGciOi.x and more", false, "Bearer *** and more");
	redacted("a bearer of news, basic facts", false, "a bearer of news, basic facts");
}

static void values_of_names(void **state)
{
	(void)state;
	redacted("--build-arg=TOKEN=a b c", true, "--build-arg=TOKEN=***");
	redacted("--secret=id=npm,src=/file", true, "--secret=id=npm,src=/file");
	redacted("TOKEN=abc VERSION=1", false, "TOKEN=*** VERSION=1");
	redacted("{\"identitytoken\": \"abc\", \"a\": 1}", false, "{\"identitytoken\": \"***\", \"a\": 1}");
	redacted("{\"auth\":\"abc\"}", false, "{\"auth\":\"***\"}");
	redacted("DB_PASSWORD: abc", false, "DB_PASSWORD: ***");
	redacted("password='a b'", false, "password='***'");
}

static void sentences_stay(void **state)
{
	(void)state;
	redacted("services.yaml:3:1: error: unknown key: \"x\"", false, "services.yaml:3:1: error: unknown key: \"x\"");
	redacted("cannot get a token: connection refused", false, "cannot get a token: connection refused");
	redacted("--file=Dockerfile", true, "--file=Dockerfile");
	redacted("", false, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names),
		TEST(known_values_are_hidden_wherever_they_stand),
		TEST(logins_and_queries_of_urls),
		TEST(headers),
		TEST(values_of_names),
		TEST(sentences_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
