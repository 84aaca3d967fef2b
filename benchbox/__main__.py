from benchbox.cli.main import main

main()
