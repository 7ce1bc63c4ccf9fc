-- Where a CRM has several pipelines, a stage is one of a pipeline: HubSpot wants both of a new deal.
alter table opportunities add column pipeline text;
