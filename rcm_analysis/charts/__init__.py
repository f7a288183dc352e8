"""Pictures that only draw the tables they are given."""
