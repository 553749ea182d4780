import unittest

from ml_controller import Models, Problem


class ModelsTest(unittest.TestCase):
    def test_versions_and_production(self):
        models = Models()
        self.assertEqual(models.add("churn", "s3://m/1", {"auc": 0.8})["version"], 1)
        self.assertEqual(models.add("churn", "s3://m/2", {})["version"], 2)
        with self.assertRaises(Problem):
            models.production("churn")
        models.promote("churn", 2)
        self.assertEqual(models.production("churn")["uri"], "s3://m/2")

    def test_refuses(self):
        models = Models()
        for name, uri, metrics in [("Bad Name", "s3://x", {}), ("ok", "x", {}), ("ok", "s3://x", {"a": "b"})]:
            with self.assertRaises(Problem):
                models.add(name, uri, metrics)
        with self.assertRaises(Problem):
            models.promote("none", 1)


if __name__ == "__main__":
    unittest.main()
