target "default" {
  args = {
    a = absolute(-2.5)
    b = ceil(1.1)
    c = floor(-1.1)
    d = int(2.9)
    e = log(8, 2)
    f = pow(2, 16)
    g = parseint("ff", 16)
    h = signum(-3)
    i = min(3, 1, 2)
    j = modulo(17, 5)
    k = negate(4)
    l = divide(9, 2)
    m = format("%v", 123456789)
    n = 123456789
    o = 0.1
    p = 1.50
    q = format("%.3f %5d|%-5d|%05d", 2, 7, 7, 7)
    r = greaterthan(2, 1) && lessthanorequalto(1, 1)
  }
}
