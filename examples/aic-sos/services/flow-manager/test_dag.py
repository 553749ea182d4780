import unittest

from dag import Flow, FlowError

DIAMOND = [
    {"name": "total", "action": "sum", "needs": ["left", "right"]},
    {"name": "left", "action": "sum", "needs": ["start"]},
    {"name": "right", "action": "sum", "needs": ["start", "start"]},
    {"name": "start", "action": "constant", "value": 2},
]


class FlowTest(unittest.TestCase):
    def test_diamond(self):
        flow = Flow(DIAMOND)
        self.assertEqual((flow.order[0], flow.order[-1]), ("start", "total"))
        self.assertEqual(flow.run()["total"], 6)

    def test_refuses(self):
        for steps, message in [
            ([], "1 to"),
            ([{"name": "a", "action": "x"}], "action"),
            ([{"name": "a", "action": "sum", "needs": ["b"]}], "not there"),
            ([{"name": "a", "action": "sum"}] * 2, "twice"),
            (
                [{"name": "a", "action": "sum", "needs": ["b"]}, {"name": "b", "action": "sum", "needs": ["a"]}],
                "a cycle",
            ),
        ]:
            with self.assertRaisesRegex(FlowError, message):
                Flow(steps)


if __name__ == "__main__":
    unittest.main()
