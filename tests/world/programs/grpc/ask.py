import client

client.main()
