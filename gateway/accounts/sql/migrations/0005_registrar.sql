-- Registrars have a role of their own.
ALTER TABLE account DROP CONSTRAINT account_role_check;
ALTER TABLE account ADD CONSTRAINT account_role_check CHECK (role IN ('bidder', 'seller', 'operator', 'supervisor', 'registrar'));
