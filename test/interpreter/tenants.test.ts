import { tenantCases } from './tenant-cases.ts'

tenantCases()
