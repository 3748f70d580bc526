"""A program full of what a search for weaknesses must find; it is read by tests and never run."""

SNIPPETS = """\
import ftplib
import hashlib
import marshal
import os
import pickle
import random
import sqlite3
import ssl
import subprocess
import tempfile
import xml.etree.ElementTree as tree
from telnetlib import Telnet

import jinja2
import paramiko
import requests
import yaml
from flask import Flask

app = Flask(__name__)
password = "correct horse battery staple"
TOKENS = {"secret_key": "tr0ub4dor&3"}


def connect(host="0.0.0.0", password="hunter2-default"):
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(host, password="hunter2-argument")
    client.exec_command("ls %s" % host)
    return Telnet(host)


def find(name, database):
    rows = sqlite3.connect(database).execute(
        "SELECT * FROM users "
        "WHERE name = '%s'" % name
    )
    return list(rows)


def run(command, code):
    subprocess.call(command, shell=True)
    subprocess.Popen("tar x *", shell=True)
    os.system("ls " + command)
    os.chmod("/etc/secret-hunter2", 0o777)
    exec(code)
    return eval(code)


def load(data, stream):
    try:
        pickle.loads(data)
        marshal.loads(data)
        yaml.load(stream)
    except Exception:
        pass
    for line in stream:
        try:
            tree.parse(line)
        except ValueError:
            continue


def weak(text):
    assert text
    name = tempfile.mktemp()
    open("/tmp/fixed", "w").write(hashlib.md5(text).hexdigest() + str(random.random()) + name)
    requests.get("https://example.org", verify=False)
    context = ssl.wrap_socket(ssl_version=ssl.PROTOCOL_SSLv3)
    jinja2.Environment(autoescape=False)
    return ftplib.FTP("example.org"), context


app.run(debug=True)
"""
