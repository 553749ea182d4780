target "default" {
  args = {
    a = upper("straße") 
    b = title("the quick-brown fox_jumps")
    c = join("/", split(".", "a.b.c"))
    d = replace("hello", "l", "L")
    e = regex_replace("v1.2.3", "v(\\d+)\\.(\\d+).*", "$${2}.$1")
    f = jsonencode(regexall("[a-z]+", "ab1cd"))
    g = jsonencode(regex("(?P<major>\\d+)\\.(?P<minor>\\d+)", "v10.4"))
    h = trim("--x--", "-")
    i = trimsuffix(trimprefix("v1.0-rc", "v"), "-rc")
    j = strlen("héllo")
    k = substr("héllo", 1, 3)
    l = format("%s=%05.1f|%x|%o|%e|%g|%+d", "n", 3.14159, 255, 8, 1234.5, 0.0001, 5)
    m = jsonencode(formatlist("%s-%d", ["a", "b"], [1, 2]))
    n = chomp("x\n\n")
    o = indent(4, "a\nb")
    p = base64encode(sha256("x"))
    q = md5("x")
    r = uuidv5("url", "https://example.org")
    s = urlencode("a b&c=d/é")
    t = jsonencode(csvdecode("a,b\n1,2\n"))
    u = jsondecode("{\"k\": [1, \"two\"]}").k[1]
    v = reverse("abc")
    w = basename("/x/y.tar.gz")
    x = dirname("x/y/z")
    y = base64decode("aGk=")
    z = sha512("a")
    unicode = "\u00e9\U0001F600\t\"quoted\"\\"
  }
}
