target "default" {
  args = {
    a = formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")
    b = formatdate("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "2018-01-02T23:12:01-08:00")
    c = formatdate("H'h' m'm' aa", "2018-01-02T23:12:01Z")
    d = timeadd("2017-11-22T00:00:00Z", "10m30s")
    e = timeadd("2024-02-28T23:59:59+02:00", "-1.5h")
    i = formatdate("D 'o''clock' MMMM", "2018-01-02T23:12:01Z")
    j = strlen(timestamp())
  }
}
