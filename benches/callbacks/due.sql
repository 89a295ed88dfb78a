-- A tenth of the cases, of all queues, became due within the last half hour.
UPDATE cases
SET stage = 'due', due_at = 1795424400000 - id * 48271 % 1800000, react_by = 1795424400000 + 900000,
    next_at = 1795424400000 + 450000
WHERE id % 30 IN (9, 14, 21);
