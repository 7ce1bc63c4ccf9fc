-- Where a CRM has several pipelines, a stage is one of a pipeline: HubSpot asks for both of every new deal.
alter table opportunities add column pipeline text;
