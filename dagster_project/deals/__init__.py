"""From closed opportunities to reviewed contracts: Salesforce rows -> drafts -> proposals -> approved files of the books."""
