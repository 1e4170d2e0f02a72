import smtplib
import sys
import time

for _ in range(600):
    try:
        client = smtplib.SMTP("127.0.0.1", int(sys.argv[1]))
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
with client:
    client.ehlo()
    for body in (b"Buy!!!!", b"Hello"):
        client.mail("ada@example.org")
        client.rcpt("bob@example.org")
        print(client.data(body))
