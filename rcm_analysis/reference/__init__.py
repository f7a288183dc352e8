"""What codes and words mean: tables as CSV files and their readers. Knows no practice, no file and no claim."""
