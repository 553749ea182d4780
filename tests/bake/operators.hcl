target "default" {
  args = {
    a = 1 + 2 * 3 - 4 / 2
    b = (1 + 2) * 3 % 4
    c = -5 + 2
    d = 10 / 4
    e = !true || false && true ? "yes" : "no"
    f = 1 == 1.0 ? "same" : "other"
    g = "1" == 1 ? "same" : "other"
    h = [1, 2] == [1, 2]
    i = 3 >= 3 && 2 < 3 && "a" != "b"
    j = true ? 1 : "a"
    k = 1e3 + 0.25
    l = 1000000 * 1000000
    m = "${1}${true}${"x"}"
    n = "${[1, 2][1]}"
    o = null == null
    p = 7 % 3 == 1
  }
}
