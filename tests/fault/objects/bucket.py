"""What is in a bucket below a prefix, seen by a client that is not tsnap's: a line "object KEY" or "upload KEY" each.

bucket.py PREFIX        of S3_BUCKET at S3_ENDPOINT
"""

import os
import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "servers"))
import s3  # noqa: E402


def main():
    prefix = sys.argv[1]
    client = s3.Client(os.environ["S3_ENDPOINT"], os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    for word, query in (("object", [("list-type", "2")]), ("upload", [("uploads", "")])):
        body = client.expect("GET", "/" + os.environ["S3_BUCKET"], query=query + [("prefix", prefix), ("encoding-type", "url")])
        if "<IsTruncated>true" in body:
            sys.exit("more than a page: tell me about a smaller place")
        for key in re.findall(r"<Key>([^<]*)</Key>", body):
            print(word, urllib.parse.unquote(key))


if __name__ == "__main__":
    main()
