-- The sentences by which triggers refuse a change, and the comments of the views, in plain words: people read them. The
-- conditions stay.
DO $$
DECLARE
    plain CONSTANT TEXT[][] := ARRAY[
        ['an event stays what it was',
            'an event cannot be changed'],
        ['the agent rings or talks; remove him when his call is over',
            'the agent is in a call; remove the agent when the call has ended'],
        ['the policies service, sales and debt are always there',
            'the policies service, sales and debt cannot be removed'],
        ['a queue has a policy that is there',
            'the policy of a queue must exist'],
        ['a queue has this policy',
            'a queue uses this policy'],
        ['an attempt has a version of a policy that is there, and its cap',
            'an attempt must name an existing version of a policy, and have its limit'],
        ['where the seal of the audit begins stays',
            'the row where the seal of the audit begins cannot be changed'],
        ['the audit key stays: entries under another one could not be found again',
            'the audit key cannot be changed: under another key, entries could not be found again'],
        ['audit is append-only: a row follows the last one',
            'audit is append-only: a new row must follow the last row'],
        ['audit_head follows the last row of audit',
            'audit_head must name the last row of audit'],
        ['a cut names a row of audit',
            'a cut must name a row of audit'],
        ['a case keeps its number, and a closed one stays closed',
            'the number of a case cannot be changed, and a closed case cannot be opened again'],
        ['callers wait in the queue; remove it when they are gone',
            'callers wait in the queue; remove the queue when no caller waits'],
        ['an attempt has the number of its case',
            'an attempt must have the number of its case'],
        ['the attempt before has no disposition yet',
            'the last attempt has no disposition yet'],
        ['the attempt before was too short a while ago',
            'too soon after the last attempt'],
        ['the number is not to be called',
            'the number must not be called'],
        ['the agent owes the result of his last callback',
            'the agent must first record the disposition of the last callback'],
        ['an attempt begins reserved, or is reported completed',
            'a new attempt must be reserved, or reported as completed'],
        ['an attempt goes forward only, and a completed one stays as it is',
            'an attempt cannot go back, and a completed attempt cannot be changed'],
        ['this place among the attempts of the business day is taken',
            'the business day already has this attempt']
    ];
    pair TEXT[];
    source TEXT;
BEGIN
    FOR source IN
        SELECT pg_get_functiondef(p.oid)
        FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE n.nspname = current_schema() AND p.prokind = 'f' AND p.prosrc LIKE '%''refused: %'
    LOOP
        FOREACH pair SLICE 1 IN ARRAY plain LOOP
            source := replace(source, '''refused: ' || pair[1] || '''', '''refused: ' || pair[2] || '''');
        END LOOP;
        EXECUTE source;
    END LOOP;
END $$;
COMMENT ON COLUMN v_calls_daily.abandoned IS 'of offered: those that the caller ended';
COMMENT ON COLUMN v_calls_daily.lost IS 'of offered: those that ended by a failure or a stop on our side';
COMMENT ON COLUMN v_offers_by_agent.answered_pct IS 'answered / the offers that the agent could have answered (not cancelled, no lost race, not failed) in per cent, of the whole day, agent and queue (all outcomes; the same in each of its rows)';
