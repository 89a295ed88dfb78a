-- Cases for which agents are being rung: their dials are promised.
CREATE INDEX cases_claimed ON cases (id) WHERE closed_at IS NULL AND stage = 'claimed';
