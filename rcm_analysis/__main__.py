from rcm_analysis.cli import main

main()
